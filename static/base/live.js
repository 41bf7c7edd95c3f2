// The live push: placeholder for the socket; parts of a page refresh on live:NAME events of the body.
