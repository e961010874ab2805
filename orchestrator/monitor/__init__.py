"""CPU, memory and disk that processes and the machine use."""
