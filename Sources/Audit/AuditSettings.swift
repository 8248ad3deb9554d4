package import MIG

/// How a log is kept.
package struct AuditSettings: Sendable {
    /// A segment of so many bytes is followed by another one.
    package var segmentBytes: Int64
    /// So is one whose first record is so old.
    package var segmentSeconds: Int64
    /// Whole segments whose last record is older are removed.
    package var keepSeconds: Int64
    /// The oldest segments are removed while all together have more bytes.
    package var keepBytes: Int64
    /// Where the key of the running epoch is; nil for a log that is never sealed.
    package var keyFile: String?

    package init(_ bounds: Bounds = Bounds(), keyFile: String? = nil) {
        segmentBytes = Int64(bounds.auditSegmentMiB) << 20
        segmentSeconds = Int64(bounds.auditSegmentDays) * 86_400
        keepSeconds = Int64(bounds.auditKeepDays) * 86_400
        keepBytes = Int64(bounds.auditKeepMiB) << 20
        self.keyFile = keyFile
    }
}
