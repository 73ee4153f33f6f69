package expression

import (
	"math"
	"strconv"
	"strings"
)

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'G', 15, 64) }

func parseNumber(s string) float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}
