import Linux
import SimulatedMachine

/// What went wrong, and so how the program ends.
enum Failure: Error {
    /// The command line is wrong: 2.
    case usage(UsageError)
    /// The machine or the system refuses: 1.
    case machine(MachineError)
    case system(SystemError)
    case text(String)

    var description: String {
        switch self {
        case .usage(let error): error.description
        case .machine(let error): error.description
        case .system(let error): error.description
        case .text(let text): text
        }
    }

    var status: Int32 {
        if case .usage = self { 2 } else { 1 }
    }
}

/// One verb of the program.
struct Verb: Sendable {
    let name: String
    let usage: String
    let summary: String
    /// Gets the words after the verb.
    let run: @Sendable ([String]) throws(Failure) -> Void
}

enum MigSim {
    static let verbs: [Verb] = [
        .new, .show, .enter, .hold, .modprobe, .fault, .xid, .reset, .reload, .reboot, .demo,
    ]

    static func run(_ words: [String]) -> Int32 {
        do throws(Failure) {
            try dispatch(words)
            return 0
        } catch {
            say("migsim: \(error.description)")
            if case .usage = error { say("'migsim --help' shows the commands") }
            return error.status
        }
    }

    private static func dispatch(_ words: [String]) throws(Failure) {
        guard let first = words.first else { throw .usage(.missingArgument("command")) }
        if ["--help", "-h", "help"].contains(first) { return try print(help) }
        guard let verb = verbs.first(where: { $0.name.utf8.elementsEqual(first.utf8) }) else {
            throw .usage(.unknownVerb(first))
        }
        let rest = Array(words.dropFirst())
        if rest.first == "--help" || rest.first == "-h" {
            return try print("usage: migsim \(verb.usage)\n\n\(verb.summary)\n")
        }
        try verb.run(rest)
    }

    private static var help: String {
        var text = "usage: migsim COMMAND ...\n\nA machine with MIG GPUs that does not exist, in a directory.\n\n"
        for verb in verbs {
            text += "  migsim \(verb.usage)\n"
            for line in verb.summary.split(separator: "\n") { text += "      \(line)\n" }
        }
        return text
    }

    /// The result of the command, on standard output.
    static func print(_ text: String) throws(Failure) {
        do {
            try Terminal.write(text)
        } catch {
            throw .system(error)
        }
    }

    /// A line for people, on standard error. Where that is closed there is nobody to tell.
    static func say(_ line: String) { try? Terminal.write(line + "\n", to: Terminal.error) }
}

/// The words after a verb, taken apart and counted.
struct Words {
    private let options: Options

    init(_ words: [String], kinds: [String: Options.Kind] = [:]) throws(Failure) {
        do {
            options = try Options(words, kinds: kinds)
        } catch {
            throw .usage(error)
        }
    }

    func has(_ name: String) -> Bool { options.has(name) }
    func value(_ name: String) -> String? { options.value(name) }
    func values(_ name: String) -> [String] { options.values(name) }

    /// The last value of an option that must be a number in a range.
    func number(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
        do {
            return try options.value(name, expected: "a number from \(range.lowerBound) to \(range.upperBound)") {
                text in Int(text).flatMap { range.contains($0) ? $0 : nil }
            }
        } catch {
            throw .usage(error)
        }
    }

    /// The arguments, of which there must be exactly those that are named.
    func arguments(_ names: String...) throws(Failure) -> [String] {
        if options.arguments.count < names.count {
            throw .usage(.missingArgument(names[options.arguments.count]))
        }
        if options.arguments.count > names.count {
            throw .usage(.unexpectedArgument(options.arguments[names.count]))
        }
        return options.arguments
    }

    var argumentCount: Int { options.arguments.count }

    /// The command after `--`.
    func command() throws(Failure) -> [String] {
        guard let rest = options.rest, !rest.isEmpty else { throw .usage(.missingArgument("-- COMMAND")) }
        return rest
    }

    /// Refuses a command where the verb takes none.
    func requireNoCommand() throws(Failure) {
        if let first = options.rest?.first { throw .usage(.unexpectedArgument(first)) }
    }
}

/// Runs what the machine or the system may refuse.
func machine<Result>(_ body: () throws(MachineError) -> Result) throws(Failure) -> Result {
    do {
        return try body()
    } catch {
        throw .machine(error)
    }
}

/// Runs what the system may refuse.
func system<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(Failure) -> Result {
    do {
        return try body()
    } catch {
        throw .system(error)
    }
}

/// The machine of a directory, by its full path.
func openMachine(_ directory: String) throws(Failure) -> Machine {
    let path = try system { () throws(SystemError) in try Files.resolve(directory) }
    return try machine { () throws(MachineError) in try Machine(directory: path) }
}
