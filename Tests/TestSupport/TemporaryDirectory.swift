import Glibc

/// A directory of one test under /tmp, mode 0755 so that programs under other uids reach it; gone with its owner.
package struct TemporaryDirectory: ~Copyable {
    package let path: String

    package init() throws(TemporaryDirectoryError) {
        self.init(path: try Self.make())
    }

    private init(path: String) { self.path = path }

    deinit { Self.remove(path) }

    /// The path of something inside.
    package func path(_ name: String) -> String { "\(path)/\(name)" }

    private static func make() throws(TemporaryDirectoryError) -> String {
        var template = Array("/tmp/migbroker-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TemporaryDirectoryError(code: errno) }
        // mkdtemp gives 0700, which programs under other uids could not enter.
        guard chmod(template, 0o755) == 0 else { throw TemporaryDirectoryError(code: errno) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // Never follows a link and never leaves the tree: what a test planted there may point anywhere.
    private static func remove(_ path: String) {
        var attributes = stat()
        guard lstat(path, &attributes) == 0 else { return }
        if attributes.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    private static func names(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// Why there is no temporary directory.
package struct TemporaryDirectoryError: Error {
    package let code: CInt
}
