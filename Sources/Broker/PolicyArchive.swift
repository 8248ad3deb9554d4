internal import JSON
internal import Linux
package import MIG
package import Policy

/// Every policy that was ever in force, under its hash, so that any decision can be come to again.
package struct PolicyArchive: Sendable {
    private let directory: String

    /// The archive in the broker's state directory, which need not be there yet.
    package init(_ stateDirectory: String) { directory = "\(stateDirectory)/policies" }

    /// Keeps a policy, once. Durable when it returns.
    func keep(_ set: PolicySet) throws(SystemError) {
        let path = path(of: set.hash)
        let files = set.files.map { file -> JSONValue in
            ["path": .string(file.path), "text": .string(String(decoding: file.bytes, as: UTF8.self))]
        }
        let value: JSONValue = ["version": 1, "hash": .string(set.hash), "files": .array(files)]
        try Files.makeDirectories(directory, mode: 0o700)
        if !Files.exists(path) { try Files.replace(path, with: value.bytes(), mode: 0o600) }
    }

    /// The policy of a hash with its names looked up now; nil where it is not there or not what it was. Blocks for the
    /// disk and the user database.
    package func policy(_ hash: String, bounds: Bounds) throws(PolicyErrors) -> PolicySet? {
        guard let bytes = try? SafePath.read(path(of: hash), limit: JSONLimits.record.bytes),
            let value = try? JSONParser.parse(bytes, limits: .record), let files = value["files"]?.arrayValue
        else { return nil }
        let kept = files.compactMap { file in
            file["path"]?.stringValue.flatMap { path in
                file["text"]?.stringValue.map { PolicyFile(path: path, bytes: Array($0.utf8)) }
            }
        }
        guard kept.count == files.count else { return nil }
        let set = try PolicySet.load(kept, bounds: bounds)
        return set.hash.utf8.elementsEqual(hash.utf8) ? set : nil
    }

    private func path(of hash: String) -> String { "\(directory)/\(hash).json" }
}
