"""From influence to tidy tables, one per table or figure of the papers."""
