import Linux

/// The program strace, which kills others at a system call of ours to choose, or makes them slow.
package enum Tracer {
    /// Why it cannot be used here: it is missing, or may not trace; nil where all is well.
    package static let obstacle: String? = {
        guard Command.exists("strace") else { return "needs strace" }
        let probe = try? Command.run("strace", words(killingBefore: "getppid", 1) + ["true"])
        return probe?.code == 0 ? nil : "needs strace 5.5 with the right to trace: \(probe?.errors ?? "")"
    }()

    /// A command that makes each call of a name about a path take so long, in all threads of a process.
    package static func words(
        delaying call: String, of path: String, microseconds: Int, in process: Int32
    ) -> [String] {
        [
            "strace", "-f", "-qq", "-o", "/dev/null", "-p", "\(process)", "-P", path, "-e", "trace=\(call)", "-e",
            "inject=\(call):delay_enter=\(microseconds)",
        ]
    }

    /// The arguments before a command whose n-th call of a name, counted from 1, is not made any more.
    ///
    /// A name that this processor's kernel does not have is never met.
    package static func words(killingBefore call: String, _ number: Int) -> [String] {
        ["-f", "-qq", "-o", "/dev/null", "-e", "trace=?\(call)", "-e", "inject=?\(call):signal=KILL:when=\(number)"]
    }
}
