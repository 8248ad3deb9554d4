import Linux

/// What the daemon says to whoever runs it: lines on standard error, which systemd puts into the journal.
enum Log {
    /// One message; nobody to hear it is no reason to stop.
    static func say(_ message: String) {
        var text = ""
        for line in message.split(separator: "\n") { text += "migbrokerd: \(line)\n" }
        try? Terminal.write(text, to: Terminal.error)
    }
}
