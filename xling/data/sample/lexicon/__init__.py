"""Words and phrases of the sample corpus: in the inflected forms that sentences need."""
