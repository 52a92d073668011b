"""Rasa channels. Name them in `credentials.yml` as `shopllm_rasa.channels.<Class>`."""

from shopllm_rasa.channels.web_chat import WebChatInput

__all__ = ["WebChatInput"]
