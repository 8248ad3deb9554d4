/// What `--help` prints.
enum Help {
    /// The lines for a verb, for a family of verbs such as `policy`, or for the whole program.
    static func lines(for verb: Verb?, named name: String) -> [SafeText] {
        guard let verb else { return overview(of: name) }
        var lines = usage(of: verb)
        lines += ["", "\(verb.summary)."]
        if !verb.details.isEmpty { lines += [""] + verb.details.map { SafeText(stringLiteral: $0) } }
        return lines + ["", everywhere]
    }

    private static let everywhere: SafeText =
        "Everywhere: -q --json --no-color --dry-run --yes --socket PATH --root DIR --help"

    private static func usage(of verb: Verb) -> [SafeText] {
        verb.usage.enumerated().map { index, usage in
            "\(index == 0 ? "Usage:" : "      ") migctl \(verb.name)\(usage.isEmpty ? "" : " ")\(usage)"
        }
    }

    private static func overview(of name: String) -> [SafeText] {
        var lines: [SafeText] = ["Usage: migctl [options] \(name.isEmpty ? "COMMAND" : "\(name) ...") [options]"]
        if name.isEmpty { lines += ["", "Request, use and give back MIG slices of this machine's NVIDIA GPUs."] }
        let width = Verb.all.map(\.name.count).max() ?? 0
        for (title, verbs) in Verb.groups {
            let shown = verbs.filter { name.isEmpty || $0.name.utf8.starts(with: "\(name) ".utf8) }
            if !shown.isEmpty { lines += ["", "\(title)"] }
            lines += shown.map { verb in
                "  \(verb.name)\(String(repeating: " ", count: width - verb.name.count))  \(verb.summary)"
            }
        }
        lines += ["", "Options, before or after the command"]
        lines += options.map { SafeText(stringLiteral: "  \($0)") }
        return lines + [
            "",
            "'migctl COMMAND --help' says more. Exit status: 0 done, 1 failed, 2 usage, 3 not allowed, 4 not found,",
            "5 in use, 6 no room or over a limit, 7 reset needed or MIG off, 8 waited in vain, 9 no broker,",
            "10 a check failed.",
        ]
    }

    private static let options = [
        "-q, --quiet      no talk, and of what has ids only these",
        "    --json       results exactly as the broker sends them",
        "    --no-color   no colours, as with NO_COLOR in the environment",
        "    --dry-run    say what would be done, and do nothing",
        "-y, --yes        do not ask",
        "    --socket P   the broker's socket",
        "    --root DIR   the directory under which the broker's files lie",
        "-h, --help       this, or the help of a command",
        "    --version    the version",
    ]
}
