package repofile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// decode gives the keys of one section their types. A value that it cannot read
// leaves the default and a Problem.
func decode(id string, line int, keys map[string]string) Repo {
	r := Repo{ID: id, Line: line, Name: id, Keys: keys, Enabled: true, SSLVerify: true,
		Timeout: 30 * time.Second, MinRate: 1000, Retries: 10,
		MetadataExpire: 48 * time.Hour, Priority: 99, Cost: 1000}
	if !legalID(id) {
		r.problem("id", errors.New("use letters, digits and - _ . : only, and not . or .. alone"))
	}
	d := decoder{&r}
	d.texts()
	d.lists()
	d.bools()
	d.numbers()
	if r.Metalink == "" && strings.Contains(r.Mirrorlist, "metalink") { // DNF's rule
		r.Metalink, r.Mirrorlist = r.Mirrorlist, ""
	}
	return r
}

func (r *Repo) problem(key string, err error) {
	r.Problems = append(r.Problems, Problem{key, err.Error()})
}

// legalID is dnf's rule for repository ids, and keeps "." and ".." out of paths.
func legalID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:", c) >= 0) {
			return false
		}
	}
	return id != "" && id != "." && id != ".." && len(id) <= 255
}

type decoder struct{ r *Repo }

func (d decoder) texts() {
	r := d.r
	for key, p := range map[string]*string{
		"name": &r.Name, "mirrorlist": &r.Mirrorlist, "metalink": &r.Metalink,
		"sslcacert": &r.SSLCACert, "sslclientcert": &r.SSLClientCert, "sslclientkey": &r.SSLClientKey,
		"username": &r.Username, "password": &r.Password,
		"proxy": &r.Proxy, "proxy_username": &r.ProxyUsername, "proxy_password": &r.ProxyPassword,
	} {
		if v, ok := r.Keys[key]; ok {
			*p = v
		}
	}
}

func (d decoder) lists() {
	r := d.r
	r.BaseURLs = list(r.Keys["baseurl"])
	r.GPGKeys = list(r.Keys["gpgkey"])
	r.IncludePkgs = list(r.Keys["includepkgs"])
	r.ExcludePkgs = append(list(r.Keys["excludepkgs"]), list(r.Keys["exclude"])...)
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(", \t\n", c) })
}

// set reads one key, where the file has it.
func set[T any](d decoder, key string, p *T, read func(string) (T, error)) {
	text, ok := d.r.Keys[key]
	if !ok {
		return
	}
	v, err := read(text)
	if err != nil {
		d.r.problem(key, err)
		return
	}
	*p = v
}

func (d decoder) bools() {
	r := d.r
	set(d, "enabled", &r.Enabled, boolean)
	set(d, "gpgcheck", &r.GPGCheck, boolean)
	set(d, "repo_gpgcheck", &r.RepoGPGCheck, boolean)
	set(d, "sslverify", &r.SSLVerify, boolean)
	set(d, "module_hotfixes", &r.ModuleHotfixes, boolean)
}

func (d decoder) numbers() {
	r := d.r
	set(d, "timeout", &r.Timeout, seconds)
	set(d, "metadata_expire", &r.MetadataExpire, seconds)
	set(d, "minrate", &r.MinRate, ParseRate)
	set(d, "priority", &r.Priority, integer)
	set(d, "cost", &r.Cost, integer)
	set(d, "retries", &r.Retries, func(s string) (int, error) {
		n, err := integer(s)
		if err == nil && n < 0 {
			err = fmt.Errorf("%q is negative", s)
		}
		return n, err
	})
	set(d, "throttle", &r.Throttle, d.throttle)
}

// throttle is a rate, or a share of bandwidth ("50%", "0.5").
func (d decoder) throttle(s string) (int64, error) {
	share := -1.0
	if p, ok := strings.CutSuffix(s, "%"); ok {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is neither a rate such as 1M nor a share such as 50%%", s)
		}
		share = f / 100
	} else if f, err := strconv.ParseFloat(s, 64); err == nil && f <= 1 {
		share = f
	}
	switch {
	case share == 0:
		return 0, nil
	case share < 0 || math.IsNaN(share):
		if n, err := ParseRate(s); err == nil {
			return n, nil
		}
		return 0, fmt.Errorf("%q is neither a rate such as 1M nor a share such as 50%%", s)
	case share > 1:
		return 0, fmt.Errorf("%q is more than all", s)
	}
	bandwidth, err := ParseRate(d.r.Keys["bandwidth"])
	if err != nil || bandwidth == 0 {
		return 0, fmt.Errorf("%q is a share, and bandwidth is not set", s)
	}
	return int64(share * float64(bandwidth)), nil
}

func boolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "on":
		return true, nil
	case "0", "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is not a boolean: use 1 or 0", s)
}

func integer(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return int(n), nil
}

// seconds reads "90", "1.5h", "2d"; "-1" and "never" are negative.
func seconds(s string) (time.Duration, error) {
	if s == "-1" || s == "never" {
		return -1, nil
	}
	f, err := scaled(s, map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400})
	if err != nil || f > 1e9 {
		return 0, fmt.Errorf("%q is not a time: use seconds, or a number with s, m, h or d", s)
	}
	return time.Duration(f * float64(time.Second)), nil
}

// ParseRate reads bytes per second as DNF's minrate and throttle have them: "1000",
// "10k", "1.5M"; the units are powers of 1024.
func ParseRate(s string) (int64, error) {
	f, err := scaled(s, map[byte]float64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30})
	if err != nil || f > 1e15 {
		return 0, fmt.Errorf("%q is not a rate: use bytes per second, or a number with k, M or G", s)
	}
	return int64(f), nil
}

// scaled reads a number that is not negative, with an optional unit behind it.
func scaled(s string, units map[byte]float64) (float64, error) {
	factor := 1.0
	if n := len(s); n > 0 {
		if u, ok := units[s[n-1]|0x20]; ok && s[n-1] > '9' {
			factor, s = u, s[:n-1]
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) {
		return 0, errors.New("not a number")
	}
	return f * factor, nil
}
