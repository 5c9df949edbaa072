/** Channel means and deviations of ImageNet, red, green, blue in [0, 1], by which pixels are standardised. */
export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;
