"""The published image sets: files, checksums, places.

Every SHA-256 was computed from a copy whose MD5 is the publisher's; archives and .gz files have the publisher's MD5.
"""

from dataclasses import dataclass

from circuitgraph.data.archive import Archive
from circuitgraph.data.cifar import CifarFormat
from circuitgraph.data.files import PublishedFile
from circuitgraph.data.idx import IdxFormat


@dataclass(frozen=True)
class Download:
    """Name what to fetch, and the MD5 that it must have."""

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        """Give the last part of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Publication:
    """Describe one set: its format, the folders that may hold it (the first is where a download goes), its archive."""

    name: str
    format: CifarFormat | IdxFormat
    folders: tuple[str, ...]
    downloads: tuple[Download, ...]
    archive: Archive | None = None


_TORONTO = "https://www.cs.toronto.edu/~kriz"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"

_CIFAR10 = Publication(
    name="cifar10",
    format=CifarFormat(
        train=(
            PublishedFile("data_batch_1", 31035704, "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd"),
            PublishedFile("data_batch_2", 31035320, "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8"),
            PublishedFile("data_batch_3", 31035999, "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9"),
            PublishedFile("data_batch_4", 31035696, "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b"),
            PublishedFile("data_batch_5", 31035623, "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154"),
        ),
        test=(
            PublishedFile("test_batch", 31035526, "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831"),
        ),
        meta=PublishedFile("batches.meta", 158, "f962466ef690d46b226450fb9aadc74ba4bc64a76aa526b5827fe4bc5c7125cb"),
        labels_key=b"labels",
        classes_key=b"label_names",
    ),
    folders=("cifar-10-batches-py", "cifar10", "cifar10/cifar-10-batches-py"),
    downloads=(Download(f"{_TORONTO}/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),),
    archive=Archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", "cifar-10-batches-py"),
)

_CIFAR100 = Publication(
    name="cifar100",
    format=CifarFormat(
        train=(PublishedFile("train", 155249918, "735e79b04f092ca3d2e6d07f368c0a7d70d48c48d28865950cc24454cf45129b"),),
        test=(PublishedFile("test", 31049707, "4b67687d9933c4db8f0831104447f15b93774f4f464bd0516f0f0f2ac83b7864"),),
        meta=PublishedFile("meta", 1473, "a5d4786345c961390f865e93b434dbd5c6904ce880667e0cb888c97d449f28b9"),
        labels_key=b"fine_labels",
        classes_key=b"fine_label_names",
    ),
    folders=("cifar-100-python", "cifar100", "cifar100/cifar-100-python"),
    downloads=(Download(f"{_TORONTO}/cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),),
    archive=Archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", "cifar-100-python"),
)

_MNIST_SET = Publication(
    name="mnist",
    format=IdxFormat(
        PublishedFile(
            "train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        PublishedFile(
            "train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        PublishedFile(
            "t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        PublishedFile(
            "t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
        classes=tuple("0123456789"),
    ),
    folders=("mnist", "MNIST/raw", "MNIST"),
    downloads=(
        Download(f"{_MNIST}/train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        Download(f"{_MNIST}/train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        Download(f"{_MNIST}/t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        Download(f"{_MNIST}/t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
)

_FASHION_SET = Publication(
    name="fashion-mnist",
    format=IdxFormat(
        PublishedFile(
            "train-images-idx3-ubyte", 47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        PublishedFile(
            "train-labels-idx1-ubyte", 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        PublishedFile(
            "t10k-images-idx3-ubyte", 7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        PublishedFile(
            "t10k-labels-idx1-ubyte", 10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    folders=("fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    downloads=(
        Download(f"{_FASHION}/train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        Download(f"{_FASHION}/train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        Download(f"{_FASHION}/t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        Download(f"{_FASHION}/t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
)

PUBLISHED: dict[str, Publication] = {p.name: p for p in (_CIFAR10, _CIFAR100, _MNIST_SET, _FASHION_SET)}
