"""Retrievers: subclasses of `dprdm.retrieval.retriever.Retriever`."""
