import Linux

CurrentProcess.exit(Program.run(CurrentProcess.arguments).rawValue)
