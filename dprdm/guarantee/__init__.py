"""The heart: mechanisms, plans, paid releases and the certificates that vouch for them. numpy only."""
