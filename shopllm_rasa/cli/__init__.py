"""The command line `shopllm`."""
