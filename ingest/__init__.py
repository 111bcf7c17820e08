"""From landing to raw: ``land`` keeps the bytes as sent, ``load`` makes typed Parquet of what keeps its contract."""
