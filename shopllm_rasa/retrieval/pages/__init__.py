"""Readers of the shop's pages: markdown, HTML, PDF and lists of questions and answers, all cut at headings."""

from shopllm_rasa.retrieval.pages.page import Block, Page

__all__ = ["Block", "Page"]
