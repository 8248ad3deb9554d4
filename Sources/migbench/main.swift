import Linux

// Measures the built programs on this machine and prints one table. Exit codes: 1 failed, 2 usage.
CurrentProcess.exit(Benchmark.run(CurrentProcess.arguments))
