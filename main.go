// Command flatstream turns modular RPM repositories into flat ones.
package main

func main() {}
