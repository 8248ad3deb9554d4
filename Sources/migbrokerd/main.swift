import API
import Linux

// One way in: options, then the nodes, the audit key or the end of processes alone, or the daemon's whole life. Exit codes:
// 1 failed, 2 usage.
do throws(UsageError) {
    let options = try DaemonOptions(CurrentProcess.arguments)
    if options.wantsHelp {
        // Nobody who asks for help and goes away is worth an error.
        try? Terminal.write(DaemonOptions.usage)
        CurrentProcess.exit(0)
    }
    if options.wantsVersion {
        try? Terminal.write("migbrokerd \(BrokerInterface.version)\n")
        CurrentProcess.exit(0)
    }
    do throws(StartError) {
        let daemon = Daemon(options)
        if options.onlyMakesNodes {
            try daemon.makeNodes()
        } else if options.onlyEndsProcesses {
            try Ender(options).run()
        } else if options.onlyMakesAuditKey {
            try daemon.makeAuditKey()
        } else {
            try daemon.run()
        }
    } catch {
        Log.say("\(error)")
        CurrentProcess.exit(1)
    }
} catch {
    Log.say("\(error)\ntry 'migbrokerd --help'")
    CurrentProcess.exit(2)
}
