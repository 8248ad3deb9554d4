import Linux
import SimulatedMachine

extension Verb {
    static let fault = Verb(
        name: "fault",
        usage: "fault DIR CALL CODE [--after N] [--times N] [--delay MS] | fault DIR CALL --crash|--kill|--delay MS ..."
            + " | fault DIR --clear",
        summary: """
            Makes calls of the driver's library fail. CALL is a function's name, without _vN for every spelling, or '*'.
            CODE is one of the library's, such as IN_USE or 19; with SUCCESS the call reports what it did not do.
            --after lets so many calls go by, --times ends it after so many, --delay makes each wait first.
            --crash ends the caller by a segmentation fault, --kill by SIGKILL.
            """
    ) { words throws(Failure) in
        let kinds: [String: Options.Kind] = [
            "--after": .value, "--times": .value, "--delay": .value, "--crash": .flag, "--kill": .flag,
            "--clear": .flag,
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
        if words.has("--crash"), words.has("--kill") { throw .usage(.conflict("--crash", "--kill")) }
        let effect: Fault.Effect
        let arguments: [String]
        if words.has("--crash") || words.has("--kill") {
            arguments = try words.arguments("DIR", "CALL")
            effect = words.has("--crash") ? .crash : .kill
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
            call: arguments[1], effect: effect, after: try words.number("--after", in: 0...most) ?? 0,
            times: try words.number("--times", in: 1...most), delayMilliseconds: delay)
    }
}
