"""The sections of the pages, one file each: tables, charts, sentences and rows of one subject."""
