/// Which release of the system this is: both programs are built and started as one.
package enum Release {
    /// As semantic versioning has it.
    package static let version = "0.1.0"
}
