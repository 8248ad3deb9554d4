import API
import Linux

/// From the command line to the exit status.
enum Program {
    static func run(_ words: [String]) -> ExitCode {
        var output = Output()
        var isJSON = false
        do throws(Failure) {
            let call = try parse(words)
            let globals = GlobalOptions(call.options)
            output = Output(isQuiet: globals.isQuiet, allowsColor: globals.allowsColor)
            isJSON = globals.isJSON
            if call.options.has("--version") {
                try output.line("migctl \(BrokerInterface.version)")
                return .ok
            }
            if call.options.has("--help") {
                for line in Help.lines(for: call.verb, named: call.name) { try output.line(line) }
                return .ok
            }
            guard let verb = call.verb else { throw missingVerb(call.name) }
            return try verb.run(call.options, Session(globals: globals, output: output))
        } catch {
            report(error, output: output, isJSON: isJSON)
            return error.code
        }
    }

    private struct Call {
        let verb: Verb?
        /// As far as a verb was named.
        let name: String
        let options: Options
    }

    /// Finds the verb behind any global options, then reads everything else as its options and arguments.
    private static func parse(_ words: [String]) throws(Failure) -> Call {
        var name = ""
        var before: [String] = []
        var rest = words
        do throws(UsageError) {
            while true {
                let head = try Options(
                    rest, kinds: GlobalOptions.kinds, aliases: GlobalOptions.aliases, stopsAtArgument: true)
                guard let word = head.arguments.first else {
                    return Call(verb: nil, name: name, options: try globals(before + rest))
                }
                before += rest.dropLast(head.arguments.count)
                rest = Array(head.arguments.dropFirst())
                if name.isEmpty, word.utf8.elementsEqual("help".utf8) {
                    before.append("--help")
                    continue
                }
                name += name.isEmpty ? word : " \(word)"
                if let verb = Verb.all.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                    let kinds = GlobalOptions.kinds.merging(verb.options) { _, own in own }
                    return Call(
                        verb: verb, name: name,
                        options: try Options(before + rest, kinds: kinds, aliases: GlobalOptions.aliases))
                }
                guard Verb.all.contains(where: { $0.name.utf8.starts(with: "\(name) ".utf8) }) else {
                    throw .unknownVerb(name)
                }
            }
        } catch {
            let known = Verb.all.contains { $0.name.utf8.elementsEqual(name.utf8) }
            throw Failure(error, verb: known ? name : nil)
        }
    }

    private static func globals(_ words: [String]) throws(UsageError) -> Options {
        try Options(words, kinds: GlobalOptions.kinds, aliases: GlobalOptions.aliases)
    }

    private static func missingVerb(_ name: String) -> Failure {
        let all = Verb.all.map(\.name)
        let words =
            name.isEmpty
            ? all.map { $0.split(separator: " ")[0] }
            : all.compactMap { full in
                full.utf8.starts(with: "\(name) ".utf8) ? full.dropFirst(name.count + 1) : nil
            }
        var known: [String] = []
        for word in words.map(String.init) where !known.contains(word) { known.append(word) }
        return Failure(
            .usage, what: name.isEmpty ? "missing command" : "'\(name)' needs one more word",
            why: "one of: \(known.joined(separator: ", "))", next: "see 'migctl --help'")
    }

    /// Three lines at most: what failed, why, what to do next.
    private static func report(_ failure: Failure, output: Output, isJSON: Bool) {
        if isJSON, let wire = failure.wire {
            // That standard output is closed shows in the lines that follow, or nobody reads them either.
            try? output.json(wire)
        }
        output.error(failure.what, .bad)
        for line in [failure.why, failure.next] {
            if let line, !line.isEmpty { output.error(line) }
        }
    }
}
