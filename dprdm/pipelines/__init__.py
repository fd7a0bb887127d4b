"""Generators that need no training: public diffusers pipelines that draw from image embeddings."""
