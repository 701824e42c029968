"""The seeded script that makes the demo corpus, tokenizer, models and queries again."""
