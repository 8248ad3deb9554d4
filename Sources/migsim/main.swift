import Linux

// migsim: makes, shows and breaks machines that do not exist.

CurrentProcess.ignoreBrokenPipes()
CurrentProcess.exit(MigSim.run(CurrentProcess.arguments))
