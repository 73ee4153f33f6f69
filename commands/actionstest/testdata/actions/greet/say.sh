echo "Good day, $1."
