"""Parts of networks: encoders, similarities and losses."""
