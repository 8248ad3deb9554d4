import Linux
import SimulatedMachine

extension Verb {
    static let fault = Verb(
        name: "fault",
        usage: "fault DIR CALL CODE|--hang|--crash|--kill|--delay MS [--late] [--after N] [--times N] [--for SECONDS]"
            + " [--delay MS] | fault DIR --clear",
        summary: """
            Makes calls of the driver's library fail. CALL is a function's name, without _vN for every spelling, or '*'.
            CODE is one of the library's, such as IN_USE or 19: the call returns it and does nothing, so with SUCCESS it
            reports what it did not do. --hang has it never return, --crash ends the caller by a segmentation fault,
            --kill by SIGKILL. With --late all this comes when the call has done its work: with an error it did what it
            reports as failed. --after lets so many calls go by, --times ends it after so many, --for so long after the
            first that it acts on. --delay makes each wait.
            """
    ) { words throws(Failure) in
        let kinds: [String: Options.Kind] = [
            "--after": .value, "--times": .value, "--for": .value, "--delay": .value, "--late": .flag,
            "--hang": .flag, "--crash": .flag, "--kill": .flag, "--clear": .flag,
        ]
        let words = try Words(words, kinds: kinds)
        try words.requireNoCommand()
        if words.has("--clear") {
            let opened = try openMachine(try words.arguments("DIR")[0])
            return try machine { () throws(MachineError) in try opened.changeFaults { $0 = [] } }
        }
        let fault = try fault(words)
        let directory = try
            (words.argumentCount == 2 ? words.arguments("DIR", "CALL") : words.arguments("DIR", "CALL", "CODE"))[0]
        let opened = try openMachine(directory)
        try machine { () throws(MachineError) in try opened.changeFaults { $0.append(fault) } }
    }

    private static func fault(_ words: Words) throws(Failure) -> Fault {
        let most = Int(Int32.max)
        let delay = try words.number("--delay", in: 0...most) ?? 0
        let ends: [(name: String, effect: Fault.Effect)] = [("--hang", .hang), ("--crash", .crash), ("--kill", .kill)]
        let named = ends.filter { words.has($0.name) }
        if named.count > 1 { throw .usage(.conflict(named[0].name, named[1].name)) }
        let effect: Fault.Effect
        let arguments: [String]
        if let end = named.first {
            arguments = try words.arguments("DIR", "CALL")
            effect = end.effect
        } else if words.argumentCount == 2, delay > 0 {
            arguments = try words.arguments("DIR", "CALL")
            effect = .none
        } else {
            arguments = try words.arguments("DIR", "CALL", "CODE")
            guard let code = DriverCode(arguments[2]) else {
                throw .usage(.badValue(option: "CODE", value: arguments[2], expected: "a code such as IN_USE"))
            }
            effect = .result(code)
        }
        guard arguments[1] == "*" || arguments[1].utf8.starts(with: "nvml".utf8) else {
            throw .usage(
                .badValue(option: "CALL", value: arguments[1], expected: "a function such as nvmlInit, or '*'"))
        }
        return Fault(
            call: arguments[1], effect: effect, isLate: words.has("--late"),
            after: try words.number("--after", in: 0...most) ?? 0, times: try words.number("--times", in: 1...most),
            delayMilliseconds: delay,
            durationMilliseconds: try words.number("--for", in: 1...most / 1000).map { $0 * 1000 })
    }
}
