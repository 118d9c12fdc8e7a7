"""The kubelet's protocols: our plugin against a stand-in kubelet, against recordings and against garbage."""
