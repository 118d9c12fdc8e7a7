"""The API server's protocol: our client, and the stand-in held to recordings of a real server."""
