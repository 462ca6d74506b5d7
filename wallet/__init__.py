"""The fund-backed wallet. A service that embeds it needs one module: `wallet.facade`."""
