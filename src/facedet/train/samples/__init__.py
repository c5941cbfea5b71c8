"""What a training run reads: samples, their order, the validation dataset."""
