"""The composition root: settings -> adapters -> application. The only place that knows all of them."""
