"""Fine-tuning, with a checkpoint and the training examples' sketches after every epoch."""
