package expression

import (
	"math"
	"strconv"
	"testing"
)

func TestNumberText(t *testing.T) {
	cases := []struct {
		number float64
		want   string
	}{
		{0, "0"},
		{math.Copysign(0, -1), "0"},
		{1, "1"},
		{-1, "-1"},
		{0.1, "0.1"},
		{0.1 + 0.2, "0.3"},
		{1.0 / 3, "0.333333333333333"},
		{2.0 / 3, "0.666666666666667"},
		{-2.5, "-2.5"},
		{100, "100"},
		{123456789012345, "123456789012345"},
		{999999999999999, "999999999999999"},
		{1e15, "1E+15"},
		{-1e15, "-1E+15"},
		{1234567890123456, "1.23456789012346E+15"},
		{999999999999999.5, "1E+15"},
		{99999999999999.95, "100000000000000"},
		{99999999999999.93, "99999999999999.9"},
		{123456789012344.5, "123456789012344"}, // a tie goes to the even digit
		{123456789012345.5, "123456789012346"},
		{12345678901234.5, "12345678901234.5"},
		{1e20, "1E+20"},
		{1.5e300, "1.5E+300"},
		{math.MaxFloat64, "1.79769313486232E+308"},
		{math.SmallestNonzeroFloat64, "4.94065645841247E-324"},
		{0.001, "0.001"},
		{0.0001, "0.0001"},
		{0.00012345, "0.00012345"},
		{0.00001, "1E-05"},
		{0.000012345, "1.2345E-05"},
		{-0.00001, "-1E-05"},
		{1e-10, "1E-10"},
		{1e-100, "1E-100"},
		{9.9999999999999999e-5, "0.0001"},
		{0.00009999999999999999, "0.0001"}, // rounds up to it
		{1.10, "1.1"},
		{1e2, "100"},
		{12.000000000000001, "12"},
		{12.00000000000001, "12"},
		{12.0000000000001, "12.0000000000001"},
		{9007199254740993, "9.00719925474099E+15"},
		{0.84551240822557006, "0.84551240822557"},
		{math.Inf(1), "Infinity"},
		{math.Inf(-1), "-Infinity"},
		{math.NaN(), "NaN"},
	}
	for _, c := range cases {
		if got := Number(c.number).Text(); got != c.want {
			t.Errorf("%g: got %s, want %s", c.number, got, c.want)
		}
	}
}

func TestNumberOfText(t *testing.T) {
	nan := math.NaN()
	cases := map[string]float64{
		"":                        0,
		" \t\r\n\u00a0\u2003":     0,
		"0":                       0,
		"-0":                      0,
		"007":                     7,
		" 12 ":                    12,
		"+12":                     12,
		"-12.50":                  -12.5,
		".5":                      .5,
		"5.":                      5,
		"+.5e1":                   5,
		"1E3":                     1000,
		"1e-3":                    .001,
		"1e400":                   math.Inf(1),
		"-1e400":                  math.Inf(-1),
		"1e-400":                  0,
		"1e99999999999":           math.Inf(1),
		"0e99999999999":           0,
		"0.1000000000000000055":   .1,
		"9007199254740993":        9007199254740992,
		"1\x00\x00":               1,
		"0xff":                    255,
		"0xFf":                    255,
		"0xffffffff":              -1,
		"0x00000000ff":            255,
		"0x100000000":             nan,
		"0x":                      nan,
		"0xg":                     nan,
		"0x+1":                    nan,
		"0x1_0":                   nan,
		"0X1":                     nan,
		"-0x1":                    nan,
		"0x1p4":                   nan,
		"0o17":                    15,
		"0o37777777777":           -1,
		"0o40000000000":           nan,
		"0o8":                     nan,
		"0o":                      nan,
		"0O7":                     nan,
		"0b1":                     nan,
		"Infinity":                math.Inf(1),
		"infinity":                math.Inf(1),
		"+Infinity":               math.Inf(1),
		"-INFINITY":               math.Inf(-1),
		"Inf":                     nan,
		"--Infinity":              nan,
		"NaN":                     nan,
		"nan":                     nan,
		"x":                       nan,
		".":                       nan,
		"+":                       nan,
		"-":                       nan,
		"+-1":                     nan,
		"e5":                      nan,
		"1e":                      nan,
		"1e+":                     nan,
		"1 2":                     nan,
		"1,000":                   nan,
		"1_000":                   nan,
		"1.2.3":                   nan,
		"$1":                      nan,
		"(1)":                     nan,
		"\x00":                    nan,
		"true":                    nan,
		"１":                       nan, // a full-width digit
		"\ufeff1":                 nan,
		"1d":                      nan,
		"1f":                      nan,
		"00000000000000000000001": 1,
	}
	for text, want := range cases {
		got := String(text).Float()
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestNumberOfOtherKinds(t *testing.T) {
	cases := []struct {
		value Value
		want  float64
	}{
		{Null, 0}, {False, 0}, {True, 1}, {Array(nil), math.NaN()}, {NewObject(), math.NaN()},
	}
	for _, c := range cases {
		if got := c.value.Float(); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: got %v, want %v", c.value.Kind(), got, c.want)
		}
	}
}

// A number's text is the number rounded to 15 digits.
func FuzzNumberText(f *testing.F) {
	for _, seed := range []float64{0, 1, -1.5, 0.1, 1e15, 1e-5, 123456789012345.5, math.MaxFloat64, 5e-324, math.Inf(1), math.NaN()} {
		f.Add(math.Float64bits(seed))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		number := math.Float64frombits(bits)
		text := formatNumber(number)
		back := parseNumber(text)
		want, _ := strconv.ParseFloat(strconv.FormatFloat(number, 'e', 14, 64), 64)
		if back != want && !(math.IsNaN(back) && math.IsNaN(number)) {
			t.Errorf("%v became %s, which is %v, want %v", number, text, back, want)
		}
		if again := formatNumber(back); again != text && !math.IsInf(back, 0) {
			t.Errorf("%v became %s, then %s", number, text, again)
		}
	})
}

func FuzzNumberOfText(f *testing.F) {
	for _, seed := range []string{"", " 1 ", "-1.5e3", "0xff", "0o7", "Infinity", "1.", ".5", "1e400", "x", "0x1p-2", "1_0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number := parseNumber(text)
		if math.IsNaN(number) {
			return
		}
		if again := parseNumber(" " + text + "\t"); again != number {
			t.Errorf("%q is %v, with white space %v", text, number, again)
		}
	})
}
