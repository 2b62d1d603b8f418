"""Makes the documents of this folder: small ones of every kind that import reads, and some that it must not fall over.

    python3 testdata/notes/make.py

Only the standard library is used, and the same bytes come out every time.
"""

import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).parent
WEIR = ("The water falls over the old wall all day, and at night one hears it from the house on the hill. "
        "Nobody knows who built it, or why it was built so high above the river.")
MILL = ("The mill is loud. It stands below the wall, and its wheel is never still, neither in spring nor in autumn, "
        "so that those who live beside it wake when it stops.")


def archive(name, members):
    with zipfile.ZipFile(HERE / name, "w") as file:
        for member, text in members:
            info = zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if member == "mimetype" else zipfile.ZIP_DEFLATED
            file.writestr(info, text)


def word():
    def paragraph(text, style=""):
        style = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f'<w:p>{style}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'

    body = paragraph("Of weirs", "berschrift1") + paragraph(WEIR) + paragraph("Of mills", "berschrift1") + paragraph(MILL)
    archive("weirs.docx", [
        ("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'),
        ("word/styles.xml", '<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>'),
        ("word/document.xml", f'<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>'),
    ])


def open_document():
    body = "".join(f'<text:h text:outline-level="1">{title}</text:h><text:p>{text}</text:p>'
                   for title, text in [("Of weirs", WEIR), ("Of mills", MILL)])
    content = ("mimetype", "application/vnd.oasis.opendocument.text")
    text = f"<office:document-content><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    archive("weirs.odt", [content, ("content.xml", text)])
    locked = "<manifest><file-entry full-path='content.xml'><manifest:encryption-data/></file-entry></manifest>"
    archive("locked.odt", [content, ("content.xml", b"\x8f\x01\x99 no text"), ("META-INF/manifest.xml", locked)])


def book():
    package = ('<package><manifest><item id="b" href="two.xhtml"/><item id="a" href="one.xhtml"/></manifest>'
               '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>')
    page = "<?xml version='1.0'?><html><head><title>x</title></head><body><h1>{}</h1><p>{}</p></body></html>".format
    archive("weirs.epub", [
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'),
        ("OEBPS/book.opf", package),
        ("OEBPS/one.xhtml", page("Of weirs", WEIR)),
        ("OEBPS/two.xhtml", page("Of mills", MILL)),
    ])


class Pdf:
    """Objects are numbered from 1; the first is the catalogue, the second the list of pages."""

    def __init__(self):
        self.objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
        self.pages = []
        self.trailer = ""

    def add(self, text, stream=None):
        if stream is not None:
            packed = zlib.compress(stream, 9)
            text = (f"<< {text} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n").encode() + packed + b"\nendstream"
        self.objects.append(text if isinstance(text, bytes) else text.encode("latin-1"))
        return len(self.objects)

    def page(self, content, resources):
        stream = self.add("", content.encode("latin-1"))
        self.pages.append(self.add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {stream} 0 R /Resources << {resources} >> >>"))

    def write(self, name):
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self.objects[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(self.pages)} >>".encode()
        out, places = b"%PDF-1.5\n", []
        for number, text in enumerate(self.objects, 1):
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
        start = len(out)
        out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        out += "".join(f"{place:010} 00000 n \n" for place in places).encode()
        out += f"trailer << /Size {len(places) + 1} /Root 1 0 R {self.trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
        (HERE / name).write_bytes(out)


def lines(text, width=80):
    line, found = "", []
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            found.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return found + [line]


def show(text, size, x, y):
    text = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n"


FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def pdfs():
    pdf = Pdf()
    font = f"/Font << /F1 {pdf.add(FONT)} 0 R >>"
    for number, (title, text) in enumerate([("Of weirs", WEIR), ("Of mills", MILL), ("Of rain", "It rains here more than elsewhere.")], 1):
        content = show("A book of water", 9, 60, 800) + show(title, 20, 60, 740)
        for index, line in enumerate(lines(text)):
            content += show(line, 11, 60, 700 - 14 * index)
        pdf.page(content + show(f"{number}", 9, 300, 30), font)
    pdf.write("weirs.pdf")

    pdf = Pdf()
    picture = pdf.add("/Type /XObject /Subtype /Image /Width 64 /Height 64 /BitsPerComponent 8 /ColorSpace /DeviceGray", bytes(4096))
    pdf.page("q 400 0 0 400 60 60 cm /Im Do Q", f"/XObject << /Im {picture} 0 R >>")
    pdf.write("scan.pdf")

    pdf = Pdf()
    font = f"/Font << /F1 {pdf.add(FONT)} 0 R >>"
    pdf.page(show("Not to be read", 11, 60, 700), font)
    key = pdf.add(f"<< /Filter /Standard /V 1 /R 2 /P -44 /O <{'11' * 32}> /U <{'22' * 32}> >>")
    pdf.trailer = f"/Encrypt {key} 0 R /ID [<{'33' * 16}> <{'33' * 16}>]"
    pdf.write("locked.pdf")

    # A drawing that draws itself.
    pdf = Pdf()
    itself = len(pdf.objects) + 1
    pdf.add(f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {itself} 0 R >> >>", b"/X Do")
    pdf.page("/X Do", f"/XObject << /X {itself} 0 R >>")
    pdf.write("loop.pdf")


word()
open_document()
book()
pdfs()
