"""Work that is no page: commands, requests, prompts and functions, in named queues."""
