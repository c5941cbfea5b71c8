"""What a training run uses of the machine: device, processes, memory, signals, the work dir."""
