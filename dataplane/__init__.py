"""The privileged side: carries out typed plans on the kernel and puts back what it changed. Knows nothing of Kubernetes."""
