"""Words and phrases of the sample corpus: inflected forms as they stand in the sentence."""
