/// One page of a listing, and how much there is in all.
package struct Page<Element: Sendable>: Sendable {
    /// The largest page anybody may ask for.
    package static var maxSize: Int { 100 }

    package let content: [Element]
    /// How many elements match, on all pages.
    package let totalElements: Int
    /// The number of this page; the first is 0.
    package let page: Int
    /// How many elements a full page has: 1 to ``maxSize``.
    package let size: Int

    package init(content: [Element], totalElements: Int, page: Int, size: Int) {
        self.content = content
        self.totalElements = totalElements
        self.page = page
        self.size = size
    }

    package var totalPages: Int { (totalElements + size - 1) / size }
}
