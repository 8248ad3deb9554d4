import Linux
package import MIG

/// Where the policy lies on disk: one file, and a directory of further ones.
package struct PolicySource: Hashable, Sendable {
    /// How many files there may be.
    private static let mostFiles = 256

    /// Must be there.
    package let file: String
    /// May be missing; every `*.json` in it counts, in byte order, but names with a leading dot.
    package let directory: String?

    /// Takes the two paths as options give them.
    package init(file: String, directory: String?) {
        self.file = file
        self.directory = directory
    }

    /// `/etc/migbroker` below a root, which is empty for the real one.
    package static func below(_ root: String) -> PolicySource {
        PolicySource(file: "\(root)/etc/migbroker/policy.json", directory: "\(root)/etc/migbroker/policy.d")
    }

    /// Reads all files by the safe-path rule, each from one descriptor; one that cannot be trusted refuses them all.
    package func read(bounds: Bounds = Bounds()) throws(PolicyErrors) -> [PolicyFile] {
        var files: [PolicyFile] = []
        for path in try paths() {
            do throws(SafePathError) {
                files.append(PolicyFile(path: path, bytes: try SafePath.read(path, limit: bounds.policyBytes)))
            } catch {
                throw Self.errors(path, .unsafeFile(error))
            }
        }
        return files
    }

    /// Reads the files as whoever asks may, and tells which the daemon would refuse; for checking a draft.
    ///
    /// What cannot be read at all is an error among the findings, and its file is left out.
    func readDraft(bounds: Bounds) -> (files: [PolicyFile], findings: [PolicyDiagnostic]) {
        var files: [PolicyFile] = []
        var findings: [PolicyDiagnostic] = []
        do throws(PolicyErrors) {
            for path in try paths(isDraft: true) {
                let (bytes, problem) = Self.draft(path, limit: bounds.policyBytes)
                if let bytes { files.append(PolicyFile(path: path, bytes: bytes)) }
                if let problem { findings.append(PolicyDiagnostic(path: path, line: 0, column: 0, problem: problem)) }
            }
        } catch {
            findings += error.diagnostics
        }
        return (files, findings)
    }

    /// Files that root can read by his capabilities alone, which the daemon gives up.
    func unreadable(among files: [PolicyFile]) -> [PolicyDiagnostic] {
        files.compactMap { file in
            guard let attributes = try? Files.attributes(file.path), attributes.mode & 0o400 == 0 else { return nil }
            let problem = PolicyProblem.unsafeFile(SafePathError(file.path, .system(.access)))
            return PolicyDiagnostic(path: file.path, line: 0, column: 0, problem: problem)
        }
    }

    private func paths(isDraft: Bool = false) throws(PolicyErrors) -> [String] {
        guard let directory else { return [file] }
        do throws(SafePathError) {
            _ = try SafePath.openDirectory(directory)
        } catch {
            if error.isNotFound { return [file] }
            if !isDraft { throw Self.errors(directory, .unsafeFile(error)) }
        }
        let names: [String]
        do throws(SystemError) {
            names = try Files.list(directory).filter(Self.isPolicyName)
        } catch {
            // As above; that what lies around it is not to be trusted is told of the file that is there.
            if error.code == .notFound { return [file] }
            throw Self.errors(directory, .unreadable(error))
        }
        guard names.count < Self.mostFiles else {
            throw Self.errors(directory, .tooManyFiles(limit: Self.mostFiles))
        }
        return [file] + names.map { "\(directory)/\($0)" }
    }

    private static func isPolicyName(_ name: String) -> Bool {
        name.utf8.first != UInt8(ascii: ".") && name.utf8.suffix(5).elementsEqual(".json".utf8)
    }

    private static func draft(_ path: String, limit: Int) -> (bytes: [UInt8]?, problem: PolicyProblem?) {
        do throws(SafePathError) {
            return (try SafePath.read(path, limit: limit), nil)
        } catch {
            switch error.problem {
            // A FIFO would be waited for, and what is too large or cannot be opened is no better by another way.
            case .notRegular, .notDirectory, .tooLarge, .tooManyLinksInPath: return (nil, .unsafeFile(error))
            case .system where error.isNotFound: return (nil, .unsafeFile(error))
            default: break
            }
            do throws(SystemError) {
                // A path as it was typed, from the current directory: only where it leads can be trusted or not.
                guard error.problem == .notAbsolute else {
                    return (try Files.read(path, limit: limit), .refusedByDaemon(error))
                }
                let resolved = try Files.resolve(path)
                return resolved.utf8.elementsEqual(path.utf8)
                    ? (nil, .unsafeFile(error)) : draft(resolved, limit: limit)
            } catch {
                return (nil, .unreadable(error))
            }
        }
    }

    private static func errors(_ path: String, _ problem: PolicyProblem) -> PolicyErrors {
        PolicyErrors(diagnostics: [PolicyDiagnostic(path: path, line: 0, column: 0, problem: problem)])
    }
}

extension PolicySet {
    /// Reads, checks and resolves the policy as it lies on disk.
    ///
    /// Blocks as long as the disk and the user database do.
    package static func load(
        from source: PolicySource, names: NameResolver = .system, bounds: Bounds = Bounds()
    ) throws(PolicyErrors) -> PolicySet {
        try load(try source.read(bounds: bounds), names: names, bounds: bounds)
    }
}
