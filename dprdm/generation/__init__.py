"""From released vectors to images: conditioning, the trained model, public pipelines, rendering."""
