"""`shopllm demo`: a whole shop bot on this machine with one command."""
