import Linux
package import MIG

/// One whole policy, loaded and resolved; never changes, so a decision pins it and names its hash.
package final class PolicySet: Sendable {
    /// SHA-256 over all files, in lower-case hex.
    package let hash: String
    /// What it was made of, for the archive and for showing it.
    package let files: [PolicyFile]

    // Each in byte order of the ids: what order the files had is forgotten.
    let allow: [Rule]
    let deny: [Rule]
    let limits: [Limit]
    let vocabulary: Vocabulary
    let index: PrincipalIndex
    let source: SourceText

    /// Reads the files, looks up every name, and keeps either all of it or nothing.
    ///
    /// Blocks as long as the user database does.
    package static func load(
        _ files: [PolicyFile], names: NameResolver = .system, bounds: Bounds = Bounds()
    ) throws(PolicyErrors) -> PolicySet {
        var reader = PolicyReader(files, names: names, bounds: bounds)
        reader.readAll()
        guard !reader.findings.hasErrors else {
            throw PolicyErrors(diagnostics: reader.findings.errors(in: reader.source))
        }
        return PolicySet(reader)
    }

    /// Takes what a reader without errors has read.
    init(_ reader: PolicyReader) {
        hash = Self.hash(of: reader.source.files)
        files = reader.source.files
        allow = reader.allow
        deny = reader.deny
        limits = reader.limits
        vocabulary = reader.vocabulary
        index = PrincipalIndex(allow: reader.allow, deny: reader.deny, limits: reader.limits)
        source = reader.source
    }

    /// Names and contents, each with its length before it, so that no two sets of files give the same bytes.
    ///
    /// Only the last component of a path counts: the same policy below another root has the same hash.
    private static func hash(of files: [PolicyFile]) -> String {
        var digest = SHA256()
        digest.update(Array("migbroker policy 1\0".utf8))
        for file in files {
            for part in [Array(Files.name(of: file.path).utf8), file.bytes] {
                digest.update((0..<8).map { UInt8(truncatingIfNeeded: part.count >> (56 - 8 * $0)) })
                digest.update(part)
            }
        }
        return Hex.text(of: digest.finalize())
    }
}
